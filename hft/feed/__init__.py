"""What a venue says, and how it is heard: messages, transports, captures."""
