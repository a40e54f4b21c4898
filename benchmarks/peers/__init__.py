"""What the gateway is compared with: other proxies that do the same job in front of the same sink."""
