#pragma once

#include <cstdint>

#include "engine/state/views.h"

// Fingerprints of what a person would see: two that are alike make the same picture. Figures count
// with about three digits, times in the unit that is shown.
namespace lodge {

uint64_t print_of(const GuestView& guest);
uint64_t print_of(const std::vector<GuestView>& guests);
uint64_t print_of_host(const Seen& seen);  // with the sensors
uint64_t print_of_jobs(const Seen& seen);  // with the trials
uint64_t print_of_disks(const Seen& seen);
uint64_t print_of_links(const Seen& seen);
uint64_t print_of_power(const Seen& seen);
uint64_t print_of_storages(const Seen& seen);

}  // namespace lodge
