"""Fine-tuning strategies, one file each: parameters, schedule (a pure decision) and the layers that it opens."""
