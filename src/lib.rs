//! hlctl, the control plane of a homelab.
//!
//! In reading order: [`flow`] is the pure heart, [`store`] the only code that touches the root.

pub mod exit;
pub mod fail;
pub mod flow;
pub mod store;
