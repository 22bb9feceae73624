"""Code that shows what modules get and give in the next step, and changes nothing."""

from __future__ import annotations

from string import Template

CODE = Template("""\
handles = {}


def show(what, value):
    parts = value if isinstance(value, (tuple, list)) else [value]
    tensors = [one for one in parts if torch.is_tensor(one) and one.is_floating_point()]
    for part in [one.detach().float() for one in tensors if one.numel()][:1]:
        $computed
        print(f"{what} {tuple(part.shape)}: $words")
    handles.pop(what).remove()


def print_input(name):
    module, what = model.get_submodule(name), f"{name} gets"
    handles[what] = module.register_forward_pre_hook(lambda _, args: show(what, args))


def print_output(name):
    module, what = model.get_submodule(name), f"{name} gives"
    handles[what] = module.register_forward_hook(lambda _, args, output: show(what, output))


$calls""")


def printed_once(calls: str, computed: str, words: str) -> str:
    """Code that prints something of the first tensor that modules get or give, once each.

    Args:
        calls: code that calls ``print_input`` and ``print_output`` with names of modules.
        computed: a line that computes something of the tensor ``part``, which is in float32.
        words: what is printed of that, as the inside of an f-string.
    """
    return CODE.substitute(calls=calls, computed=computed, words=words)
