//! The subcommands that send operator commands to consoles.
//!
//! | file | concept |
//! |---|---|
//! | `arguments` | the options that the subcommands share, and the token |
//! | `request` | a command, sent to each console |
//! | `report` | the answer of each console |
//! | `rollback`, `promote`, `weights` | subcommands with arguments of their own |
//! | `step_command` | `pause`, `resume` and `approve`, and the base of `promote` and `weights` |

mod arguments;
mod promote;
mod report;
mod request;
mod rollback;
mod step_command;
mod weights;

pub use promote::PromoteArgs;
pub use rollback::RollbackArgs;
pub use step_command::StepCommandArgs;
pub use weights::WeightsArgs;
