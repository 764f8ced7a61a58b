use std::collections::{HashMap, VecDeque};

use tokio::sync::watch;

use super::cache::KeyName;

/// How many key names may be waited for at once.
const SEATS: usize = 16_384;

/// Where those wait who ask for a key that only the fetch under way can tell of.
///
/// A seat belongs to a key name, however many ask for it. When all are taken, a new name displaces the one that has waited
/// longest: a flood of names that do not exist displaces its own, while a name that does exist is found by then.
#[derive(Default)]
pub(super) struct WaitingRoom {
    seats: HashMap<KeyName, watch::Sender<Call>>,
    /// The same names, the longest waiting first.
    order: VecDeque<KeyName>,
}

/// What those on a seat are told; that the fetch has ended, they learn from the seat's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Wait,
    GiveWay,
}

impl WaitingRoom {
    pub(super) fn seat(&mut self, name: KeyName) -> Waiting {
        if let Some(seat) = self.seats.get(&name) {
            return Waiting(seat.subscribe());
        }
        if self.order.len() >= SEATS
            && let Some(seat) = self.order.pop_front().and_then(|oldest| self.seats.remove(&oldest))
        {
            seat.send_replace(Call::GiveWay);
        }
        let (seat, waiting) = watch::channel(Call::Wait);
        self.seats.insert(name, seat);
        self.order.push_back(name);
        Waiting(waiting)
    }

    /// Lets everybody go and look again.
    pub(super) fn empty(&mut self) {
        self.seats.clear();
        self.order.clear();
    }
}

/// A seat that somebody waits on.
pub(crate) struct Waiting(watch::Receiver<Call>);

/// The seat was needed by somebody else.
pub(crate) struct Displaced;

impl Waiting {
    /// Ends when the fetch has ended.
    pub(crate) async fn landed(mut self) -> Result<(), Displaced> {
        match self.0.wait_for(|call| *call == Call::GiveWay).await {
            Ok(_) => Err(Displaced),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_room_lets_the_longest_waiting_name_go_and_no_other() {
        let mut room = WaitingRoom::default();
        let mut seats: Vec<_> = (0..SEATS as KeyName).map(|name| room.seat(name)).collect();
        let shared = room.seat(1);
        assert_eq!(room.seats.len(), SEATS, "a name has one seat");
        room.seat(SEATS as KeyName);
        assert_eq!((room.seats.len(), room.order.len()), (SEATS, SEATS));

        assert!(seats.remove(0).landed().await.is_err());
        assert!(shared.0.borrow().eq(&Call::Wait));
        room.empty();
        for seat in seats.into_iter().chain([shared]) {
            assert!(seat.landed().await.is_ok());
        }
        assert_eq!((room.seats.len(), room.order.len()), (0, 0));
    }
}
