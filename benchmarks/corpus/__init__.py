"""Study: whole corpora, their speed, memory and faults."""
