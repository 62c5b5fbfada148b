"""GitHub as far as PAO uses it, over real bare repositories; pull requests are kept beside them."""
