"""How what gradwidget costs grows with layers, parameters and steps."""
