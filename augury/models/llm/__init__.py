"""LLMs behind OpenAI-compatible servers: vLLM, a provider, or any other."""
