"""A venue's market data over the network: transports, connections and their renewal, snapshots, the feed."""
