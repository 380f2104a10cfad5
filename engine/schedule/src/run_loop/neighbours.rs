//! Hearing of the other engines on the machine.

use std::future::pending;

use tokio::{
    net::UnixDatagram,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::machine::{NEIGHBOURS_SEEN, Seat};

/// Tells when to look at what other engines hold.
pub(super) struct Neighbours {
    /// What they ring; without it they are looked at now and then alone.
    bell: Option<UnixDatagram>,
    looks: Interval,
}

impl Neighbours {
    pub fn of(seat: &Seat) -> Self {
        let mut looks = interval(NEIGHBOURS_SEEN);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { bell: seat.bell(), looks }
    }

    /// Waits until another engine rings, or it is time to look again.
    pub async fn changed(&mut self) {
        let rung = async {
            match &self.bell {
                Some(bell) if bell.recv(&mut [0]).await.is_ok() => while bell.try_recv(&mut [0]).is_ok() {},
                _ => pending().await,
            }
        };
        tokio::select! {
            () = rung => {}
            _ = self.looks.tick() => {}
        }
    }
}
