//! Passes as they follow one another: what is remembered, what is told again, what is refused.
