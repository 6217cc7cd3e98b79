"""The use cases: agents, the mission they work on, and the tools they may use."""
