"""What a venue sends, and how it is heard: transports, connections and their renewal, snapshots, the feed."""
