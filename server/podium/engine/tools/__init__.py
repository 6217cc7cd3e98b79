"""The tools that models may call, one module each; `table` lists them."""
