#pragma once

#include <string>
#include <vector>

#include "power/knob.h"

// The finders that the table of knobs names, by what they look at; and what they share.
namespace lodge::find {

using Knobs = std::vector<Knob>;

// knob_processor.cc
void governor(const Host& host, Knobs& into);
void epp(const Host& host, Knobs& into);
void epb(const Host& host, Knobs& into);
void min_freq(const Host& host, Knobs& into);
void max_freq(const Host& host, Knobs& into);
void boost(const Host& host, Knobs& into);
void no_turbo(const Host& host, Knobs& into);
void intel_pstate(const Host& host, Knobs& into);
void amd_pstate(const Host& host, Knobs& into);
void idle_states(const Host& host, Knobs& into);
void online(const Host& host, Knobs& into);

// knob_links.cc
void aspm_policy(const Host& host, Knobs& into);
void link_l0s(const Host& host, Knobs& into);
void link_l1(const Host& host, Knobs& into);
void link_l1_1(const Host& host, Knobs& into);
void link_l1_2(const Host& host, Knobs& into);
void link_l1_1_pcipm(const Host& host, Knobs& into);
void link_l1_2_pcipm(const Host& host, Knobs& into);
void link_clock_pm(const Host& host, Knobs& into);

// knob_devices.cc
void pci_runtime(const Host& host, Knobs& into);
void usb_suspend(const Host& host, Knobs& into);
void sata_link(const Host& host, Knobs& into);
void nvme_latency(const Host& host, Knobs& into);
void nvme_default_latency(const Host& host, Knobs& into);
void audio(const Host& host, Knobs& into);
void audio_controller(const Host& host, Knobs& into);
void wake_on_lan(const Host& host, Knobs& into);
void tcp_segmentation(const Host& host, Knobs& into);
void generic_segmentation(const Host& host, Knobs& into);
void generic_receive(const Host& host, Knobs& into);

// knob_machine.cc
void platform_profile(const Host& host, Knobs& into);
void rapl_long(const Host& host, Knobs& into);
void rapl_short(const Host& host, Knobs& into);
void nmi_watchdog(const Host& host, Knobs& into);
void writeback(const Host& host, Knobs& into);

// The value that all the files hold, "mixed" when they differ; files that cannot be read are taken
// off the list. "" when none is left.
std::string common_value(const Host& host, std::vector<std::string>& files);
// One knob of one file of words; nothing when there is no such file.
void words_in(const Host& host, Knobs& into, const std::string& file,
              std::vector<std::string> allowed, const std::string& thrifty);
// The folders of a pattern "/sys/…/policy*": those below `folder` whose name is `stem` and digits,
// in the order of their numbers.
std::vector<std::string> numbered(const Host& host, const std::string& folder,
                                  const std::string& stem);
// The first of `wanted` that is in `allowed`; "" none.
std::string first_allowed(const std::vector<std::string>& wanted,
                          const std::vector<std::string>& allowed);

}  // namespace lodge::find
