#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/fd.h"
#include "engine/job.h"

namespace lodge {

class Host;

// JobLog writes a job's events file: one JSON object a line, each in one write, so that a reader
// never sees half a line and a crash loses at most what was not said yet.
class JobLog {
  public:
    // `bell` hears a byte at each event, when it is one. Throws Error.
    JobLog(const std::string& path, const Host& host, Fd bell = {});
    void step(size_t index, std::string_view event);  // begin, done, undo, undone
    void say(std::string_view line);
    void progress(int64_t done, int64_t total, std::string_view unit);
    void end(JobState state, Exit exit, std::string_view error);

  private:
    void line(const std::string& text);
    Fd fd_, bell_;
    const Host& host_;
    size_t said_ = 0;
};

// JobReader reads an events file from where it last stopped.
class JobReader {
  public:
    explicit JobReader(std::string path) : path_(std::move(path)) {}
    // Brings `record` up to date; returns what is new. A line that is no event is skipped.
    std::vector<JobEvent> read(JobRecord& record);
    // Whether the last line says that the job ended; cheap.
    static bool has_ended(const std::string& path);

  private:
    std::string path_;
    Fd fd_;
    std::string partial_;
};

}  // namespace lodge
