#include "Arduino.h"

extern "C" void semihost_puts(const char *text);

SerialStub Serial;

void SerialStub::begin(unsigned long) {}

void SerialStub::print(const char *text) { semihost_puts(text); }

void SerialStub::print(unsigned long number) {
  char text[11];
  char *digit = text + sizeof text - 1;
  *digit = '\0';
  do {
    *--digit = static_cast<char>('0' + number % 10u);
    number /= 10u;
  } while (number != 0u);
  print(digit);
}

void SerialStub::println(const char *text) {
  print(text);
  print("\n");
}

void SerialStub::println(unsigned long number) {
  print(number);
  print("\n");
}

unsigned long millis() { return 0; }

unsigned long micros() { return 0; }

int main() {
  setup();
  loop();
  return 0;
}
