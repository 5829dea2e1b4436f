"""Server side: source learning (Algorithm 1), target adaptation, feature cache, run folders."""
