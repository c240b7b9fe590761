#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "engine/fd.h"

namespace lodge {

// OutsideMeter asks a person's own command for the watts of a meter that is not in this machine,
// such as a socket's on the network. It is asked aside each ten seconds and has ten to answer.
class OutsideMeter {
  public:
    using Time = std::chrono::steady_clock::time_point;

    explicit OutsideMeter(std::string command) : command_(std::move(command)) {}
    ~OutsideMeter();
    OutsideMeter(const OutsideMeter&) = delete;
    OutsideMeter& operator=(const OutsideMeter&) = delete;

    const std::string& command() const { return command_; }
    // Takes an answer that is there and asks again when it is time; never waits.
    void ask(Time now);
    // Asks and waits for the answer.
    void ask_and_wait();
    std::optional<double> watts() const { return watts_; }
    const std::string& trouble() const { return trouble_; }

  private:
    void start(Time now);
    void take_answer();
    void end();
    void heard(int status, const std::string& said);

    std::string command_, trouble_;
    std::optional<double> watts_;
    std::optional<Time> asked_;
    Fd process_, output_;
};

}  // namespace lodge
