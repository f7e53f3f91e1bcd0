//! Telemetry: the names under which the gateway counts and measures. Labels carry kinds and
//! outcomes only; nothing secret and no file name has a way in.

pub mod names;
