"""Experiment design for thin-film battery cathodes made by physical vapour deposition."""
