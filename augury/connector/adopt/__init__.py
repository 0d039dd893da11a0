"""Collections that belong to an app: attached to, with nothing of the app's touched, and detached from."""
