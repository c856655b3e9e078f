//! What a session of the protocol is told before its target runs its first script.

use std::sync::Arc;

use crate::TargetInfo;
use crate::cdp::RawCommand;

/// Says what each newly attached page, frame and worker is to be told before it runs. The commands are sent in order, in
/// one go, before `Runtime.runIfWaitingForDebugger`.
///
/// Any closure of this form is one. It is called while the target waits, so it must be quick.
pub trait SessionSetup: Send + Sync {
    /// The commands for this target.
    fn commands(&self, target: &TargetInfo) -> Vec<RawCommand>;
}

impl<F: Fn(&TargetInfo) -> Vec<RawCommand> + Send + Sync> SessionSetup for F {
    fn commands(&self, target: &TargetInfo) -> Vec<RawCommand> {
        self(target)
    }
}

/// A shared [`SessionSetup`]; `None` does nothing.
pub type Setup = Option<Arc<dyn SessionSetup>>;
