"""`./dev chaos`: break everything under load, then count; docs/chaos.md tells what the last full run found."""
