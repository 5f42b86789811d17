"""Building blocks of networks: plain torch, which knows nothing of scenes, cards or tasks."""
