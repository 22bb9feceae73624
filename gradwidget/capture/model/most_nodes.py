"""How many nodes of an autograd graph Python may see.

Torch frees a node that Python has seen from within the one above it, which takes some 180 bytes of
the stack: a long chain of them overflows it, and the process dies. What nobody has seen is freed
one after the other. To ask a tensor for its ``grad_fn`` is to see the node, and so is to register a
hook on it; ``is_leaf`` tells whether there is one without that.
"""

from __future__ import annotations

import ctypes
import sys
import threading

MOST_NODES = 10_000
"""Of a thread with a stack of 8 MB or more, as nearly all have."""

NODE_BYTES = 800
"""Of the stack, for each node: one graph may be read in three ways, which see other nodes each.
"""

ATTRIBUTES = 256
"""Bytes that hold a ``pthread_attr_t`` on any platform."""

_known = threading.local()


def most_nodes() -> int:
    """How many nodes Python may see of a graph that this thread frees.

    Example:
        >>> most_nodes() <= MOST_NODES
        True
    """
    if not hasattr(_known, "most"):
        _known.most = min(MOST_NODES, _stack_bytes() // NODE_BYTES)
    most: int = _known.most
    return most


def _stack_bytes() -> int:
    """Of this thread, or what new threads get where that cannot be known; large by default."""
    default = threading.stack_size() or sys.maxsize
    if threading.current_thread() is threading.main_thread():
        return sys.maxsize
    try:
        return _posix_stack_bytes()
    except (OSError, AttributeError, TypeError):
        return default


def _posix_stack_bytes() -> int:
    """As the thread itself has it: others may have been given another size since.

    Raises:
        OSError, AttributeError, TypeError: the platform does not tell.
    """
    library = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(ATTRIBUTES)
    address, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.pthread_self.restype = ctypes.c_void_p
    if library.pthread_getattr_np(ctypes.c_void_p(library.pthread_self()), attributes):
        raise OSError
    library.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return size.value
