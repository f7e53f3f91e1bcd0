//! The methods that are ours, one file each.

pub(super) mod copy;
pub(super) mod listing;
pub(super) mod lock;
pub(super) mod propfind;
pub(super) mod proppatch;
pub(super) mod relocate;
pub(super) mod remove;
mod transfer;
