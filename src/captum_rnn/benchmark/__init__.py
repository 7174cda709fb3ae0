"""Attribution methods beside each other on one classifier: how faithful, at what cost."""
