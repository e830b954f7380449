//! `seedlm_skid`: two registers that cut every path between the two sides of a ready/valid link.

/// Inputs of a cycle.
#[derive(Clone, Debug, Default)]
pub struct SkidInputs<T> {
    /// Whether data are offered.
    pub s_axis_tvalid: bool,
    /// The data; looked at only while `s_axis_tvalid` is high.
    pub s_axis_tdata: T,
    /// Whether the next unit takes data.
    pub m_axis_tready: bool,
}

/// Outputs of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkidOutputs<'a, T> {
    /// Whether data are taken.
    pub s_axis_tready: bool,
    /// Whether data are offered.
    pub m_axis_tvalid: bool,
    /// The data; `None` while `m_axis_tvalid` is low.
    pub m_axis_tdata: Option<&'a T>,
}

/// An output register, and a spare one for what arrives in the cycle in which the next unit stops. Data pass in one
/// cycle, one in every cycle.
#[derive(Clone, Debug)]
pub struct Skid<T> {
    output: Option<T>,
    spare: Option<T>,
}

impl<T> Default for Skid<T> {
    fn default() -> Self {
        Skid {
            output: None,
            spare: None,
        }
    }
}

impl<T> Skid<T> {
    /// What the ports show in this cycle.
    pub fn outputs(&self) -> SkidOutputs<'_, T> {
        SkidOutputs {
            s_axis_tready: self.spare.is_none(),
            m_axis_tvalid: self.output.is_some(),
            m_axis_tdata: self.output.as_ref(),
        }
    }

    /// Clock edge.
    pub fn clock(&mut self, inputs: SkidInputs<T>) {
        let accepted = (inputs.s_axis_tvalid && self.spare.is_none()).then_some(inputs.s_axis_tdata);
        if self.output.is_none() || inputs.m_axis_tready {
            self.output = self.spare.take().or(accepted);
        } else if accepted.is_some() {
            self.spare = accepted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(skid: &mut Skid<u32>, input: Option<u32>, m_axis_tready: bool) {
        skid.clock(SkidInputs {
            s_axis_tvalid: input.is_some(),
            s_axis_tdata: input.unwrap_or_default(),
            m_axis_tready,
        });
    }

    #[test]
    fn data_pass_in_one_cycle_one_in_every_cycle() {
        let mut skid = Skid::default();
        for value in 0..10 {
            assert!(skid.outputs().s_axis_tready);
            clock(&mut skid, Some(value), true);
            assert_eq!(skid.outputs().m_axis_tdata, Some(&value));
        }
    }

    #[test]
    fn it_holds_two_and_then_refuses() {
        let mut skid = Skid::default();
        clock(&mut skid, Some(1), false);
        assert!(skid.outputs().s_axis_tready);
        clock(&mut skid, Some(2), false);
        assert!(!skid.outputs().s_axis_tready);
        clock(&mut skid, Some(3), false);
        assert_eq!(skid.outputs().m_axis_tdata, Some(&1));
        clock(&mut skid, Some(4), true);
        assert_eq!(skid.outputs().m_axis_tdata, Some(&2));
        clock(&mut skid, None, true);
        assert!(!skid.outputs().m_axis_tvalid);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_repeated_or_reordered(cycles in prop::collection::vec(any::<(bool, bool)>(), 1..300)) {
            let mut skid = Skid::default();
            let (mut next, mut expected) = (0, 0);
            for (offered, m_axis_tready) in cycles.into_iter().chain([(false, true); 3]) {
                let outputs = skid.outputs();
                if m_axis_tready && let Some(&data) = outputs.m_axis_tdata {
                    prop_assert_eq!(data, expected);
                    expected += 1;
                }
                let accepted = offered && outputs.s_axis_tready;
                clock(&mut skid, offered.then_some(next), m_axis_tready);
                next += u32::from(accepted);
            }
            prop_assert_eq!(next, expected);
        }
    }
}
