//! Checks of each kind, from the node itself: with a real broker, with doubles on loopback, and with what hangs.
