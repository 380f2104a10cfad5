//! The suite that each executor must pass: what a command may rely on, wherever it runs.
//!
//! An executor's own tests say how to get at it ([`Subject`]) and take the whole suite by
//! [`executor_suite!`](crate::executor_suite). The commands need `bash` and the usual small programs.
#![allow(clippy::unwrap_used, reason = "this is test code, shared by crates")]

mod bench;
mod contained;
mod ending;
mod memory;
mod streams;
mod surroundings;

pub use bench::{Bench, Subject};
pub use contained::{
    memory_is_limited, no_namespaces_can_be_made, other_processes_are_hidden, places_outside_the_roots_are_mounted,
    special_rights_are_useless, the_core_size_is_limited, the_network_is_out_of_reach, the_root_is_read_only,
    the_user_is_nobody, what_a_command_used_is_told,
};
pub use ending::{
    a_canceled_command_is_killed_with_its_children, a_dropped_run_is_killed, a_missing_program_is_told,
    canceling_before_the_start_runs_nothing, exit_codes_are_told, orphans_of_dead_engines_are_killed,
    signals_are_told_from_codes, the_time_limit_kills, what_a_command_leaves_running_is_killed,
};
pub use memory::what_a_command_holds_is_told_while_it_runs;
pub use streams::{
    both_streams_may_share_a_file, much_output_arrives_whole, redirections_cannot_leave_the_work_folder,
    standard_input_may_be_left_unread, streams_are_redirected, streams_go_to_the_log, there_is_no_input_by_default,
    unwritable_output_is_told,
};
pub use surroundings::{
    arguments_arrive_unchanged, folders_have_their_rights, the_environment_is_as_given, the_work_folder_is_current,
};

/// Makes a test of each behaviour that every executor has; `$subject` is an expression that gives a [`Subject`].
#[macro_export]
macro_rules! executor_suite {
    ($subject:expr) => {
        $crate::executor_suite!(@tests $subject,
            exit_codes_are_told, signals_are_told_from_codes, the_time_limit_kills,
            a_canceled_command_is_killed_with_its_children, canceling_before_the_start_runs_nothing,
            what_a_command_leaves_running_is_killed, a_dropped_run_is_killed, orphans_of_dead_engines_are_killed,
            a_missing_program_is_told, streams_go_to_the_log, streams_are_redirected, both_streams_may_share_a_file,
            there_is_no_input_by_default, standard_input_may_be_left_unread, much_output_arrives_whole,
            redirections_cannot_leave_the_work_folder, unwritable_output_is_told, arguments_arrive_unchanged,
            the_environment_is_as_given, the_work_folder_is_current, folders_have_their_rights,
            the_core_size_is_limited, what_a_command_holds_is_told_while_it_runs,
        );
    };
    (@contained $subject:expr) => {
        $crate::executor_suite!(@tests $subject,
            the_network_is_out_of_reach, the_root_is_read_only, the_user_is_nobody, memory_is_limited,
            other_processes_are_hidden, special_rights_are_useless, no_namespaces_can_be_made,
            what_a_command_used_is_told, places_outside_the_roots_are_mounted,
        );
    };
    (@tests $subject:expr, $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::suite::$name(&$subject).await;
            }
        )+
    };
}
