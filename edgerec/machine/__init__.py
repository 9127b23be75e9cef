"""The machine at hand: its CPU, its limits, the threads it grants and what a fork leaves."""
