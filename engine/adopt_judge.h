#pragma once

#include <map>
#include <string>
#include <string_view>

#include "engine/adopt.h"
#include "engine/config.h"
#include "engine/storage/storage_cfg.h"

namespace lodge {

// AdoptJudge says of each line of one guest's file what becomes of it on this machine.
class AdoptJudge {
  public:
    // `storages` are those the guest will find here.
    AdoptJudge(const Host& host, const MachineFacts& facts, const StorageCfg& storages, int id);

    // Appends a line to the report for each key of the file, and for what cannot be taken.
    void judge(const Config& config, std::string_view text, const std::string& name,
               AdoptReport& report);

  private:
    struct Answer {
        AdoptVerdict verdict = AdoptVerdict::honoured;
        std::string words = {};
        void add(AdoptVerdict what, std::string_view more);
    };

    void learn(const Config& config);
    Answer answer(const Config& config, std::string_view section, std::string_view key,
                  std::string_view value) const;
    void judge_machine(std::string_view value, Answer& answer) const;
    void judge_cpu(std::string_view value, Answer& answer) const;
    void judge_firmware(const Field& field, std::string_view value, Answer& answer) const;
    void judge_net(const Field& field, std::string_view value, Answer& answer) const;
    void judge_volume(std::string_view volume, Answer& answer) const;
    void judge_parts(const Field& field, std::string_view value, Answer& answer) const;

    const Host& host_;
    const MachineFacts& facts_;
    const StorageCfg& storages_;
    int id_;
    // What a start would warn of, by key of the current section.
    std::map<std::string, std::string, std::less<>> warnings_;
};

}  // namespace lodge
