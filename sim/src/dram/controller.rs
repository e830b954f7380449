//! All channels behind one port: bursts in, data out in the order asked for.

use super::address_map::AddressMap;
use super::channel::{Channel, Completion};
use super::command::{Command, CommandCounts};
use super::model::DramModel;
use super::queue::Access;
use crate::cause::Cause;
use std::collections::VecDeque;

/// A burst of the port that is not yet in the channels' queues.
#[derive(Clone, Copy, Debug)]
struct Burst {
    arrival: u64,
    next_address: u64,
    end_address: u64,
}

/// What is known of an access.
#[derive(Clone, Copy, Debug)]
struct Slot {
    channel: usize,
    /// `None` until its read has been given.
    completion: Option<Completion>,
}

/// Channels, and the order of what comes back. Time is in clocks of the memory.
#[derive(Clone, Debug)]
pub struct Controller {
    map: AddressMap,
    access_bytes: u64,
    request_latency: u64,
    return_latency: u64,
    channels: Vec<Channel>,
    bursts: VecDeque<Burst>,
    /// Clock in which the next access may go into its queue; `u64::MAX` while there is none, or no room.
    feed_clock: u64,
    slots: VecDeque<Slot>,
    /// Number of the access in the first slot.
    first_number: u64,
    /// Number of the next access that goes into a queue.
    next_to_feed: u64,
    now: u64,
}

impl Controller {
    /// A controller in clock 0, with all rows closed.
    pub fn new(model: &DramModel) -> Self {
        Controller {
            map: AddressMap::new(model.organisation()),
            access_bytes: model.organisation().access_bytes(),
            request_latency: model.clocks(model.policy().request_latency_ps),
            return_latency: model.clocks(model.policy().return_latency_ps),
            channels: (0..model.organisation().channels)
                .map(|_| Channel::new(model))
                .collect(),
            bursts: VecDeque::new(),
            feed_clock: u64::MAX,
            slots: VecDeque::new(),
            first_number: 0,
            next_to_feed: 0,
            now: 0,
        }
    }

    /// Keeps all commands from now on, for [`Controller::traces`].
    pub fn keep_traces(&mut self) {
        self.channels.iter_mut().for_each(Channel::keep_trace);
    }

    /// Commands and their clocks, for each channel.
    pub fn traces(&self) -> impl Iterator<Item = &[(u64, Command)]> {
        self.channels.iter().map(Channel::trace)
    }

    /// Commands given so far, over all channels.
    pub fn counts(&self) -> CommandCounts {
        let mut sum = CommandCounts::default();
        self.channels.iter().for_each(|channel| sum += channel.counts());
        sum
    }

    /// Takes a burst of bytes in a clock that has not passed. Gives the number of its first access; it has one for every
    /// burst of a channel that it touches, numbered in a row.
    pub fn request(&mut self, clock: u64, address: u64, bytes: u64) -> u64 {
        debug_assert!(bytes > 0 && clock >= self.now);
        let number = self.first_number + self.slots.len() as u64;
        let arrival = clock + self.request_latency;
        let first_access = address / self.access_bytes;
        let last_access = (address + bytes - 1) / self.access_bytes;
        for access in first_access..=last_access {
            self.slots.push_back(Slot {
                channel: self.map.locate(access * self.access_bytes).channel,
                completion: None,
            });
        }
        if self.bursts.is_empty() {
            self.feed_clock = arrival;
        }
        self.bursts.push_back(Burst {
            arrival,
            next_address: first_access * self.access_bytes,
            end_address: address + bytes,
        });
        number
    }

    /// Lets time pass up to and including a clock.
    pub fn advance(&mut self, until: u64) {
        loop {
            let next = self.channels.iter().map(Channel::next_clock).min();
            let clock = next.unwrap_or(u64::MAX).min(self.feed_clock);
            if clock > until {
                break;
            }
            if self.feed_clock <= clock {
                self.feed(clock);
            }
            for channel in self.channels.iter_mut().filter(|channel| channel.next_clock() <= clock) {
                if let Some(completion) = channel.step(clock) {
                    let slot = (completion.number - self.first_number) as usize;
                    self.slots[slot].completion = Some(completion);
                    // A queue has room again.
                    if let Some(burst) = self.bursts.front() {
                        self.feed_clock = self.feed_clock.min(burst.arrival.max(clock + 1));
                    }
                }
            }
        }
        self.now = until;
    }

    /// Puts accesses into the queues, in order, until one has no room.
    fn feed(&mut self, clock: u64) {
        self.feed_clock = u64::MAX;
        while let Some(burst) = self.bursts.front_mut() {
            if burst.arrival > clock {
                self.feed_clock = burst.arrival;
                return;
            }
            let location = self.map.locate(burst.next_address);
            let channel = &mut self.channels[location.channel];
            if !channel.has_room() {
                return;
            }
            channel.push(Access {
                number: self.next_to_feed,
                arrival: clock,
                bank: location.bank,
                row: location.row,
                column: location.column,
                cause: Cause::DataBus,
            });
            self.next_to_feed += 1;
            burst.next_address += self.access_bytes;
            if burst.next_address >= burst.end_address {
                self.bursts.pop_front();
            }
        }
    }

    /// The clock from which an access's data are at the port, if its read has been given.
    pub fn ready_clock(&self, number: u64) -> Option<u64> {
        let slot = &self.slots[(number - self.first_number) as usize];
        slot.completion
            .map(|completion| completion.data_end + self.return_latency)
    }

    /// Forgets all accesses before this one: their data have been taken.
    pub fn release_before(&mut self, number: u64) {
        while self.first_number < number {
            self.slots.pop_front();
            self.first_number += 1;
        }
    }

    /// Why an access's data are not at the port now.
    pub fn waits_for(&self, number: u64) -> Cause {
        let slot = &self.slots[(number - self.first_number) as usize];
        let Some(completion) = slot.completion else {
            return self.channels[slot.channel]
                .waits_for(number)
                .unwrap_or(Cause::MemoryLatency);
        };
        let pins = self.now.saturating_sub(self.return_latency);
        if pins < completion.idle_from || pins >= completion.data_start {
            return Cause::DataBus;
        }
        completion.cause
    }
}
