"""Callbacks for frameworks that train: one file each, which needs its framework and no other."""
