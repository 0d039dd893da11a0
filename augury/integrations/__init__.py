"""Augury in other frameworks. Each module needs its framework, and says how to install it."""
