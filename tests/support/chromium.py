"""How the tests, the benchmarks and the scripts start Chromium."""

QUIET = [
    "--no-sandbox",  # there is none for root in a container
    "--disable-gpu",
    # Nothing is fetched that a test did not ask for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
"""Options under which it fetches nothing that nobody asked for."""
