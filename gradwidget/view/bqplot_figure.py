"""The bqplot figure of the picture's bars; the page fills it (js/src/bars/bqplot-bars.ts)."""

from __future__ import annotations

import bqplot


def bqplot_figure() -> bqplot.Figure:
    """A bare figure with one horizontal bar per layer on a log scale, without axes or margins.

    The page sets data, colors and the scale's ends at each tick, so that nothing of it goes
    through the kernel.
    """
    # The default base of 0 has no place on a log scale: every bar would be NaN wide.
    value = bqplot.LogScale(min=1e-8, max=1.0)
    bars = bqplot.Bars(
        x=[0],
        y=[1e-8],
        base=1e-8,
        scales={"x": bqplot.OrdinalScale(), "y": value},
        orientation="horizontal",
        type="grouped",
        padding=0.0,
        stroke_width=0.0,
    )
    figure = bqplot.Figure(
        marks=[bars],
        fig_margin={"top": 0, "bottom": 0, "left": 0, "right": 0},
        padding_x=0.0,
        padding_y=0.0,
        min_aspect_ratio=1e-3,
        max_aspect_ratio=1e3,
        animation_duration=0,
        background_style={"fill": "transparent"},
    )
    figure.layout.width = "100%"
    figure.layout.height = "100%"
    figure.layout.min_width = "0"
    # ipywidgets gives every widget a margin of 2 pixels, which would shift the bars against their
    # axis.
    figure.layout.margin = "0"
    return figure
