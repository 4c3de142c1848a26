/* Stand-in for an Arduino core. */
#ifndef STUB_ARDUINO_H
#define STUB_ARDUINO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
unsigned long millis(void);
unsigned long micros(void);
void setup(void);
void loop(void);
#ifdef __cplusplus
}

class SerialStub {
public:
  void begin(unsigned long baud);
  explicit operator bool() const { return true; }
  void print(const char *text);
  void print(unsigned long number);
  void println(const char *text);
  void println(unsigned long number);
};
extern SerialStub Serial;
#endif

#endif
