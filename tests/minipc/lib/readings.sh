# shellcheck shell=bash
# shellcheck disable=SC2034
# Sourced by who writes the firmware's tables and who turns its readings.

# One page of memory that the kernel leaves alone (memmap=) holds the readings, so that they can be
# set from outside while everything runs: a 32-bit number each, 0 for "as in the machine's text".
# Zones from 0 on in tenths of a kelvin; then:
readings=$((0x2f000000)) reading_power=0x80 reading_fan=0x84
readings_size=64K

kelvin() { awk -v c="$1" 'BEGIN {printf "%d", c * 10 + 2731.5 + 0.5}'; }
