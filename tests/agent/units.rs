//! Units of systemd. Where none runs, its program is asked all the same, and its answer is the documented one.
