#include "bench/peers.h"

#include "bench/measure.h"
#include "engine/error.h"
#include "engine/host.h"
#include "engine/process.h"

namespace lodge::bench {
namespace {

const std::string virsh = "/usr/bin/virsh";

std::vector<std::string> words(std::vector<std::string> of) {
    std::vector<std::string> all = {virsh, "-c", "qemu:///system", "-q"};
    for (std::string& word : of)
        all.push_back(std::move(word));
    return all;
}

std::string domain(int id) {
    return fmt::format(
        "<domain type='qemu'><name>bench-{0}</name><uuid>00000000-0000-4000-8000-{0:012}</uuid>"
        "<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>"
        "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
        "<serial type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/bench-{0}.serial'/>"
        "<target port='0'/></serial><video><model type='none'/></video>"
        "<memballoon model='none'/></devices></domain>",
        id);
}

}  // namespace

bool Libvirt::available(std::string& why_not) {
    const Host host = Host::real();
    if (!host.exists(virsh)) {
        why_not = "virsh is not installed (apt install libvirt-clients libvirt-daemon-system)";
        return false;
    }
    Program program;
    program.argv = words({"version"});
    const Outcome outcome = run_program(program, std::chrono::seconds(20));
    if (outcome.status != 0) why_not = "libvirtd does not answer: " + outcome.trouble;
    return outcome.status == 0;
}

void Libvirt::define(int first, int count) {
    for (int id = first; id < first + count; ++id) {
        Program program;
        program.argv = words({"define", "/dev/stdin"});
        program.input = domain(id);
        run_checked(program, std::chrono::seconds(60), "cannot define a domain");
    }
}

void Libvirt::undefine(int first, int count) {
    for (int id = first; id < first + count; ++id)
        time_program(words({"undefine", "bench-" + std::to_string(id)}));
}

std::vector<std::string> Libvirt::start(int id) {
    return words({"start", "bench-" + std::to_string(id)});
}
std::vector<std::string> Libvirt::list() {
    return words({"list", "--all"});
}

void Libvirt::destroy(int id) {
    time_program(words({"destroy", "bench-" + std::to_string(id)}));
}

}  // namespace lodge::bench
