#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/vm/qmp.h"
#include "tests/life/tiny.h"

namespace lodge {

constexpr std::string_view disk_config =
    "boot: order=net0\nmachine: pc\nmemory: 32\nname: tiny\nnet0: virtio=52:54:00:11:22:33\n"
    "scsi0: local:101/vm-101-disk-0.qcow2,size=16M\nscsihw: virtio-scsi-pci\nvga: none\n";

// DiskGuest is a TinyGuest that is started the usual way, with a real disk that a test reads and
// writes from outside while it is stopped.
class DiskGuest : public TinyGuest {
  public:
    explicit DiskGuest(const std::string& config = std::string(disk_config))
        : TinyGuest(101, config) {
        host().make_folder(images());
        make_image("vm-101-disk-0.qcow2", "qcow2", "16M");
    }

    std::string images() const { return host().state_folder() + "/images/101"; }
    std::string disk() const { return images() + "/vm-101-disk-0.qcow2"; }
    void make_image(const std::string& name, const std::string& format, const std::string& size) {
        program({"/usr/bin/qemu-img", "create", "-q", "-f", format, images() + "/" + name, size});
    }
    std::string program(const std::vector<std::string>& argv) {
        Program one;
        one.argv = argv;
        return run_checked(one, std::chrono::seconds(60), "run " + argv[0]);
    }
    void write_disk(int value) {
        program({"/usr/bin/qemu-io", "-f", "qcow2", "-c", fmt::format("write -P {} 0 64k", value),
                 disk()});
    }
    bool disk_holds(int value) {
        const std::string text = program({"/usr/bin/qemu-io", "-f", "qcow2", "-c",
                                          fmt::format("read -P {} 0 64k", value), disk()});
        return text.find("Pattern verification failed") == std::string::npos;
    }
    std::vector<std::string> disk_snapshots() {
        return image_info(host(), disk(), "qcow2").snapshots;
    }

    Plan plan_start() { return guest().kind->start(engine, guest(), {}); }
    void start_really() { carry_out(plan_start()); }
    void stop_really() { carry_out(guest().kind->stop(engine, guest(), {})); }
    void set(const std::vector<std::string>& values, const std::vector<std::string>& gone = {}) {
        const Guest now = guest();
        Values words = {{"values", values}, {"delete", gone}};
        last = now.kind->set(engine, now, words);
        carry_out(last);
    }
    void snapshot(const std::string& name, bool ram = false) {
        carry_out(guest().kind->snapshot(engine, guest(), {{"name", name}, {"ram", ram}}));
    }
    void rollback(const std::string& name) {
        carry_out(guest().kind->rollback(engine, guest(), {{"name", name}}));
    }
    void delete_snapshot(const std::string& name, bool force = false) {
        carry_out(
            guest().kind->delete_snapshot(engine, guest(), {{"name", name}, {"force", force}}));
    }
    nlohmann::json qmp(const std::string& command, const nlohmann::json& arguments = {}) {
        return vm_monitor(host(), 101).call(command, arguments);
    }
    std::string status() { return vm_status(host(), 101, std::chrono::seconds(5)); }
    std::string key(const std::string& name) {
        return guest().config.current.get(name).value_or("");
    }
    std::string waiting(const std::string& name) {
        return guest().config.pending.get(name).value_or("");
    }
    Plan last;
};

}  // namespace lodge
