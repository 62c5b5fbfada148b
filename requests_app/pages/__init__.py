"""Pages for people: the catalog, the form of an entry, tracking, the list of requests (the design's page on UI)."""
