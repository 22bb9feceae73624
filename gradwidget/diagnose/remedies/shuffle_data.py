"""Draw each batch from all of the data."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def shuffle_data() -> Remedy:
    """Has the loader mix the samples."""
    return Remedy(
        title="Shuffle the data",
        why="Each batch should be drawn from all classes, so that its gradient is close to that of "
        "all data. An IterableDataset has to shuffle by itself; with a sampler, shuffle there.",
        code="""\
loader = torch.utils.data.DataLoader(
    loader.dataset, batch_size=loader.batch_size, shuffle=True
)
""",
    )
