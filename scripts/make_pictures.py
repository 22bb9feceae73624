"""Makes docs/images: a real run of each symptom in real JupyterLab, as the widget shows it.

``.venv/bin/python scripts/make_pictures.py [symptom …]``; without names, all of them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Locator, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from scripts.screenshot import few_colors  # noqa: E402 - found only with the root on the path
from tests.support.chromium import launch  # noqa: E402 - as above
from tests.support.notebook import Notebook, write_notebook  # noqa: E402 - as above
from tests.support.server import serving, wait_until  # noqa: E402 - as above

FOLDER = ROOT / "docs" / "images"
WIDTH, MOST = 1010, 440
"""Pixels of a picture; from 1,000 on the findings stand beside the bars of many layers, below those
of few."""

# The run that shows a symptom best, and the metric that tells most of it.
SHOWN = {
    "vanishing_gradients": ("mlp_sigmoid_deep", "act_grad_rms"),
    "exploding_gradients": ("mlp_wild_start", "act_grad_rms"),
    "early_layers_frozen": ("mlp_rate_group_slip", "update_ratio"),
    "gradients_nonfinite": ("cnn_nan_pixel", "grad_rms"),
    "loss_nonfinite": ("transformer_root_of_zero", "grad_rms"),
    "weights_nonfinite": ("autoencoder_variance_overflows", "weight_norm"),
    "weights_growing": ("mlp_negative_decay", "weight_norm"),
    "weights_shrinking": ("mlp_heavy_decay", "weight_norm"),
    "weights_zero": ("mlp_pruned_away", "weight_norm"),
    "dead_relu": ("mlp_relu_killed", "act_dead_fraction"),
    "saturated": ("mlp_sigmoid_scaled_up", "act_saturated_fraction"),
    "no_gradient": ("mlp_detached", "grad_rms"),
    "rnn_vanishing_in_time": ("recurrent_tanh_forgets", "grad_rms"),
    "rnn_exploding_in_time": ("recurrent_relu_explodes", "grad_rms"),
    "fp16_underflow": ("mlp_half_without_scaler", "grad_zero_fraction"),
    "lr_too_high": ("mlp_rate_jumps", "update_ratio"),
    "lr_too_low": ("mlp_rate_too_low", "update_ratio"),
    "loss_unstable": ("transformer_rate_jumps", "update_ratio"),
    "plateau": ("mlp_adam_too_slow", "grad_rms"),
    "collapsed_outputs": ("transformer_post_norm_collapses", "act_rms"),
    "not_in_optimizer": ("cnn_new_head_unknown_to_optimizer", "optimized_fraction"),
    "unregistered_layers": ("mlp_hidden_in_a_list", "grad_rms"),
    "zero_gradient": ("mlp_error_clamped", "grad_zero_fraction"),
    "gradients_not_cleared": ("mlp_never_cleared", "grad_rms"),
    "eval_mode": ("mlp_trained_in_eval", "grad_rms"),
    "same_batch": ("mlp_first_batch_for_ever", "grad_rms"),
    "double_softmax": ("mlp_softmax_twice", "grad_rms"),
    "bad_inputs": ("mlp_unscaled_inputs", "act_rms"),
    "updates_lost": ("mlp_bfloat16_weights", "updates_lost_fraction"),
    "loss_diverging": ("mlp_slow_divergence", "grad_rms"),
    "no_step": ("mlp_never_stepped", "grad_rms"),
    "loss_detached": ("mlp_loss_created_again", "weight_norm"),
    "gradient_ascent": (None, "grad_rms"),
    "bad_targets": (None, "grad_rms"),
}

# Symptoms that no run of the evaluation shows: an optimizer, and what is to be learned.
REGRESSIONS = {
    "gradient_ascent": ("torch.optim.SGD(model.parameters(), lr=2e-3, maximize=True)", "y"),
    "bad_targets": ("torch.optim.Adam(model.parameters(), lr=1e-3)", "5000 + 300 * y"),
}

# The widget that a cell leaves on the page; it is closed, so that one run does not disturb the
# next.
CODE = """
import warnings
import torch
from gradwidget import GradWidget
from evaluation.runs.catalog import all_runs
from evaluation.runs.run import Conditions

warnings.simplefilter("ignore")  # what is wrong with the run makes torch warn
torch.set_num_threads(1)
run = all_runs()[{run!r}]
training = run.start(Conditions())
w = GradWidget(training.model, training.optimizer, budget=None)
for step in range(run.steps):
    training.step(step)
w.close()
assert {symptom!r} in [finding.symptom for finding in w.findings], w.report()
w
"""

REGRESSION = """
import torch
from torch import nn
from gradwidget import GradWidget

torch.manual_seed(0)
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = {optimizer}
w = GradWidget(model, optimizer, budget=None)
for step in range(120):
    x = torch.randn(64, 16)
    y = x[:, :4].sum(1, keepdim=True)
    loss = nn.functional.mse_loss(model(x), {target})
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
w.close()
assert {symptom!r} in [finding.symptom for finding in w.findings], w.report()
w
"""


def main() -> None:
    """Writes a PNG for each symptom."""
    chosen = sys.argv[1:] or list(SHOWN)
    # The kernel imports the runs.
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        with serving("lab", Path(folder)) as server:
            codes = [code_for(name) for name in chosen]
            write_notebook(server.folder / "pictures.ipynb", codes)
            page = browser.new_page(viewport={"width": 1700, "height": 1500})
            notebook = Notebook(page, server.url("pictures.ipynb"), len(codes))
            for number, name in enumerate(chosen):
                notebook.run(number)
                region = notebook.cells.nth(number).get_by_role("region", name="gradwidget: ")
                shoot(region, name)
        browser.close()


def code_for(symptom: str) -> str:
    """The cell whose run shows a symptom."""
    if symptom in REGRESSIONS:
        optimizer, target = REGRESSIONS[symptom]
        return REGRESSION.format(optimizer=optimizer, target=target, symptom=symptom)
    return CODE.format(run=SHOWN[symptom][0], symptom=symptom)


def shoot(region: Locator, symptom: str) -> None:
    """The upper part of the widget, its finding of that symptom in sight."""
    page = region.page
    region.evaluate("(node, width) => { node.parentElement.style.width = `${width}px`; }", WIDTH)
    region.get_by_label("Metric").select_option(SHOWN[symptom][1])
    # Its own card, or its line in that of its cause.
    card = region.locator(f"li[data-symptom={symptom}], details[data-symptom={symptom}]").first
    card.evaluate(
        "node => { const side = node.closest('.gw-side');"
        " const top = (one) => one.getBoundingClientRect().top;"
        " side.scrollTop += top(node) - top(side) - 8; }"
    )
    region.scroll_into_view_if_needed()
    rows = region.get_by_role("row")
    wait_until(lambda: region.locator("rect.bar").count() == rows.count() > 0, "the bars")
    page.wait_for_timeout(1500)  # bqplot settles after a change of size and says nothing of it
    box = region.evaluate(
        "node => { const { x, y, width, height } = node.getBoundingClientRect();"
        " return { x, y, width, height }; }"
    )
    target = FOLDER / f"{symptom}.png"
    height = min(box["height"], MOST)
    png = page.screenshot(
        clip={"x": box["x"], "y": box["y"], "width": box["width"], "height": height}
    )
    few_colors(png).save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
