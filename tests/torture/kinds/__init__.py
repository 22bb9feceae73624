"""What can be unusual about a run, one kind a file."""

# Importing each registers what is in it.
from tests.torture.kinds import callbacks as callbacks
from tests.torture.kinds import faults as faults
from tests.torture.kinds import features as features
from tests.torture.kinds import hooks as hooks
from tests.torture.kinds import layers as layers
from tests.torture.kinds import memory as memory
from tests.torture.kinds import pages as pages
from tests.torture.kinds import pauses as pauses
from tests.torture.kinds import remedies as remedies
from tests.torture.kinds import scale as scale
from tests.torture.kinds import stateful as stateful
from tests.torture.kinds import threads as threads
from tests.torture.kinds import values as values
