//! Chips that nextpnr can place for.

use super::SynthesisError;
use crate::options::Target;
use serde::{Deserialize, Serialize};

/// A chip, and which copy of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Name, such as `85k`.
    pub name: String,
    /// Package.
    pub package: String,
    /// Speed grade of an ECP5: 6, 7 or 8, where 8 is the fastest. iCE40 has none that may be chosen.
    pub speed_grade: Option<u8>,
}

/// What there is of a family, with the package that has most pins first; the first device is the default.
struct Known {
    target: Target,
    name: &'static str,
    packages: &'static [&'static str],
}

const KNOWN: [Known; 5] = [
    Known {
        target: Target::Ecp5,
        name: "85k",
        packages: &["CABGA756", "CABGA554", "CABGA381", "CSFBGA285"],
    },
    Known {
        target: Target::Ecp5,
        name: "45k",
        packages: &["CABGA554", "CABGA381", "CABGA256", "CSFBGA285", "TQFP144"],
    },
    Known {
        target: Target::Ecp5,
        name: "25k",
        packages: &["CABGA381", "CABGA256", "CSFBGA285", "TQFP144"],
    },
    Known {
        target: Target::Ice40,
        name: "up5k",
        packages: &["sg48", "uwg30"],
    },
    Known {
        target: Target::Ice40,
        name: "hx8k",
        packages: &["ct256", "bg121", "cb132", "cm225", "cm121", "tq144:4k"],
    },
];

/// The speed grades of ECP5.
const SPEED_GRADES: std::ops::RangeInclusive<u8> = 6..=8;

impl Device {
    /// The device that is asked for, with the defaults of what is not: the largest ECP5 of the slowest grade, the UP5K.
    ///
    /// # Errors
    /// [`SynthesisError::Setting`] for a device, a package or a speed grade that the target does not have, and for a target that
    /// nothing open places for.
    pub fn of(
        target: Target,
        name: Option<&str>,
        package: Option<&str>,
        speed_grade: Option<u8>,
    ) -> Result<Device, SynthesisError> {
        let devices: Vec<&Known> = KNOWN.iter().filter(|known| known.target == target).collect();
        let refused = |what: String, there: Vec<&str>| {
            Err(SynthesisError::Setting(format!(
                "{what}; there are: {}",
                there.join(", ")
            )))
        };
        let Some(&first) = devices.first() else {
            let reason =
                format!("{target}: there is no open placer for it, so no device, package, speed grade, seeds or clock");
            return Err(SynthesisError::Setting(reason));
        };
        let device = match name {
            None => first,
            Some(name) => match devices.iter().find(|known| known.name == name) {
                Some(known) => known,
                None => {
                    let there = devices.iter().map(|known| known.name).collect();
                    return refused(format!("no device of {target} is called {name:?}"), there);
                }
            },
        };
        let package = package.unwrap_or(device.packages[0]);
        if !device.packages.contains(&package) {
            return refused(
                format!("no package of {} is called {package:?}", device.name),
                device.packages.into(),
            );
        }
        let speed_grade = match (target, speed_grade) {
            (Target::Ecp5, Some(grade)) if !SPEED_GRADES.contains(&grade) => {
                return refused(format!("ECP5 has no speed grade {grade}"), vec!["6", "7", "8"]);
            }
            (Target::Ecp5, grade) => Some(grade.unwrap_or(*SPEED_GRADES.start())),
            (_, None) => None,
            (_, Some(_)) => {
                return Err(SynthesisError::Setting(format!(
                    "{target} has no speed grades to choose from"
                )));
            }
        };
        Ok(Device {
            name: device.name.into(),
            package: package.into(),
            speed_grade,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in() {
        let device = Device::of(Target::Ecp5, None, None, None).unwrap();
        let found = (device.name.as_str(), device.package.as_str(), device.speed_grade);
        assert_eq!(found, ("85k", "CABGA756", Some(6)));
        let device = Device::of(Target::Ice40, Some("hx8k"), None, None).unwrap();
        assert_eq!((device.package.as_str(), device.speed_grade), ("ct256", None));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let cases = [
            (
                Device::of(Target::Ice40, Some("85k"), None, None),
                "no device of ice40 is called \"85k\"; there are: up5k, hx8k",
            ),
            (
                Device::of(Target::Ecp5, Some("25k"), Some("CABGA756"), None),
                "no package of 25k is called \"CABGA756\"; there are: CABGA381",
            ),
            (
                Device::of(Target::Ecp5, None, None, Some(9)),
                "no speed grade 9; there are: 6, 7, 8",
            ),
            (
                Device::of(Target::Ice40, None, None, Some(6)),
                "ice40 has no speed grades",
            ),
            (
                Device::of(Target::Xc7, None, None, None),
                "xc7: there is no open placer",
            ),
        ];
        for (device, reason) in cases {
            let error = device.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
