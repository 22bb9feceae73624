"""Where torch tells us what happens: its functions, optimizers, modules and compiler."""
