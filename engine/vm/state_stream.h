#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/fd.h"
#include "engine/plan.h"

namespace lodge {

class Host;
class Qmp;
class Section;

// StateStream is a guest's memory and devices on their way from QEMU to a file: QEMU's migration,
// with the file's descriptor in place of a connection. Destroyed before its end it is called off,
// and the guest runs on as before.
class StateStream {
  public:
    // Opens the file for writing; throws Error.
    StateStream(Qmp& qmp, const std::string& path);
    StateStream(const StateStream&) = delete;
    StateStream& operator=(const StateStream&) = delete;
    ~StateStream();

    // Whether QEMU waits in "pre-switchover": the guest stands still and its disks are still its
    // own.
    void set_hold(bool hold);
    void begin();
    // Goes on until QEMU's migration has this status. Throws QEMU's words when it fails.
    void run_until(Work& work, std::string_view wanted);
    void go_on_from_hold();
    // To the end: all is on the disk, and the file no longer than that. The guest stands still.
    void finish(Work& work);
    void release();  // the guest runs on, if it ran before
    void keep_still() { done_ = true; }
    bool runs_on() const { return runs_on_; }

    // Ends a stream that is in any state; lets the guest run on when `runs_on` or when it is held
    // for a stream.
    static void call_off(Qmp& qmp, bool runs_on);

  private:
    Qmp& qmp_;
    Fd file_;
    bool runs_on_ = false, held_ = false, done_ = false;
};

// QEMU's word for how the guest is ("running", "postmigrate").
std::string qmp_status(Qmp& qmp);
// Writes the machine type and the -cpu of the running guest into `section` (runningmachine,
// runningcpu), for the start that goes on from its saved memory.
void write_running(Qmp& qmp, const Host& host, int id, Section& section);

// Parts of what QEMU says: "" and 0 for what is missing or of another type.
std::string text_at(const nlohmann::json& object, const char* key);
int64_t number_at(const nlohmann::json& object, const char* key);

// A QMP command as a line of shell.
std::string qmp_as_shell(const std::string& guest, const std::string& command,
                         const nlohmann::json& arguments);

}  // namespace lodge
