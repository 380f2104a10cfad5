//! Which calls of the kernel a command may not make.
//!
//! What no tool needs and what has let programs out of containers before is refused: mounting, new namespaces, tracing,
//! keyrings, kernel modules, BPF, performance counters, `io_uring`, handles of files, the clock, and sockets of other
//! families than Unix, IPv4, IPv6 and netlink (VSOCK is in no namespace). Most of these need a capability, too, which a
//! command does not have: this is the second lock on the same door. The choice follows the filter that Docker applies
//! by default, turned round: everything else is allowed.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// Calls that are refused whatever their arguments.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Calls that only this processor has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS__sysctl,
    libc::SYS_sysfs,
    libc::SYS_uselib,
    libc::SYS_ustat,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// The flags of `clone` that make namespaces.
const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// The families of sockets that are allowed.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Requests of `ioctl` that put characters into a terminal's input.
const INTO_TERMINALS: [u64; 2] = [libc::TIOCSTI, libc::TIOCLINUX];

/// Numbers from here on are of the x32 interface, which the conditions above do not cover.
const X32: u32 = 0x4000_0000;

/// The filters as the kernel takes them, made once.
pub(crate) struct Filters {
    /// Each a program of its own.
    pub programs: [Vec<u8>; 2],
}

impl Filters {
    /// Compiles the filters for this machine's processor.
    ///
    /// # Errors
    /// A processor that is not supported.
    pub fn compile() -> Result<Self, seccompiler::BackendError> {
        let refused = compile(refused()?, libc::EPERM)?;
        // Its flags stand behind a pointer, which no filter can follow. Programs fall back on `clone`.
        let missing = compile(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
        Ok(Self { programs: [bytes(&refuse_x32(refused)), bytes(&missing)] })
    }
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn refused() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED.iter().chain(REFUSED_HERE).map(|&call| (call, Vec::new())).collect();
    let flags = u64::from(NAMESPACES.cast_unsigned());
    let namespaces: Result<Vec<_>, _> = (0..u64::BITS)
        .map(|bit| 1_u64 << bit)
        .filter(|bit| bit & flags != 0)
        .map(|bit| rule(vec![condition(0, SeccompCmpOp::MaskedEq(bit), bit)?]))
        .collect();
    rules.insert(libc::SYS_clone, namespaces?);
    let others: Result<Vec<_>, _> =
        FAMILIES.iter().map(|&family| condition(0, SeccompCmpOp::Ne, u64::from(family.cast_unsigned()))).collect();
    rules.insert(libc::SYS_socket, vec![rule(others?)?]);
    let requests: Result<Vec<_>, _> =
        INTO_TERMINALS.iter().map(|&request| rule(vec![condition(1, SeccompCmpOp::Eq, request)?])).collect();
    rules.insert(libc::SYS_ioctl, requests?);
    Ok(rules)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions)
}

/// Compares the lower half of an argument, which is all that the kernel looks at in these calls.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn compile(rules: Rules, error: libc::c_int) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error.cast_unsigned()), arch)?.try_into()
}

/// Puts a refusal of the x32 interface before everything else.
fn refuse_x32(mut program: BpfProgram) -> BpfProgram {
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    // The number of the call is the first word of what a filter looks at (seccomp(2)).
    let before = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ];
    program.splice(0..0, before);
    program
}

/// As the kernel lays it out: `struct sock_filter`, eight bytes each.
fn bytes(program: &BpfProgram) -> Vec<u8> {
    let step = |step: &sock_filter| {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&step.code.to_ne_bytes());
        (bytes[2], bytes[3]) = (step.jt, step.jf);
        bytes[4..].copy_from_slice(&step.k.to_ne_bytes());
        bytes
    };
    program.iter().flat_map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_fit_into_what_the_kernel_takes() {
        for program in Filters::compile().unwrap().programs {
            let steps = program.len() / 8;
            assert!(program.len() % 8 == 0 && steps > 3 && steps < 4096, "{steps}");
        }
    }
}
