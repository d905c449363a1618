"""Campaign files: TOML in, :class:`CampaignConfig` out, every fault at once.

``schema`` knows the shape, ``reading`` the file, ``settings`` and ``goals`` what values mean, ``limits`` what may not
be made, ``campaign_config`` the whole. Light: loads neither scikit-learn nor scipy nor pint nor Optuna.
"""

from pvdopt.config.campaign_config import CampaignConfig, load_config
from pvdopt.config.reading import shipped_config, shipped_names
from pvdopt.config.schema import json_schema

__all__ = ["CampaignConfig", "json_schema", "load_config", "shipped_config", "shipped_names"]
