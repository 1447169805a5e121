-- One row a scheduled flight: will it arrive 15 or more minutes late?
-- Every column but `late` is known when the flight is scheduled to leave. Departure delay and
-- actual times are left out on purpose: they are known only afterwards.

WITH scheduled AS (
    SELECT
        make_timestamp(year, month, day, hour, minute, 0) AS scheduled_at,  -- local time
        make_date(year, month, day) AS flight_day,
        time_hour - INTERVAL 1 HOUR AS weather_hour,  -- the hour before departure, UTC
        carrier,
        origin,
        dest,
        tailnum AS tail_number,
        distance,
        sched_arr_time // 100 AS scheduled_arrival_hour,  -- HHMM, local to the destination
        arr_delay >= 15 AS late  -- null for a flight that never arrived
    FROM flights
),

-- Yesterday's share of late arrivals, dated by the day on which it is known.
origin_rates AS (
    SELECT flight_day + 1 AS known_on, origin, avg(CAST(late AS INTEGER)) AS late_rate
    FROM scheduled GROUP BY flight_day, origin
),
carrier_rates AS (
    SELECT flight_day + 1 AS known_on, carrier, avg(CAST(late AS INTEGER)) AS late_rate
    FROM scheduled GROUP BY flight_day, carrier
),
dest_rates AS (
    SELECT flight_day + 1 AS known_on, dest, avg(CAST(late AS INTEGER)) AS late_rate
    FROM scheduled GROUP BY flight_day, dest
),
route_rates AS (
    SELECT flight_day + 1 AS known_on, origin, dest, avg(CAST(late AS INTEGER)) AS late_rate
    FROM scheduled GROUP BY flight_day, origin, dest
),

-- The clock change in autumn gives some hours two weather records: keep one.
hourly_weather AS (
    SELECT origin, time_hour, any_value(temp) AS temperature_f, any_value(humid) AS humidity,
        any_value(wind_speed) AS wind_mph, any_value(wind_gust) AS gust_mph,
        any_value(precip) AS rain_in, any_value(pressure) AS pressure_mb,
        any_value(visib) AS visibility_mi
    FROM weather GROUP BY origin, time_hour
)

SELECT
    s.scheduled_at, s.carrier, s.origin, s.dest, s.tail_number, s.distance,
    s.scheduled_arrival_hour,
    w.temperature_f, w.humidity, w.wind_mph, w.gust_mph, w.rain_in, w.pressure_mb,
    w.visibility_mi,
    p.year AS plane_year, p.seats, p.manufacturer, p.engine,
    o.late_rate AS origin_late_rate,
    c.late_rate AS carrier_late_rate,
    d.late_rate AS dest_late_rate,
    r.late_rate AS route_late_rate,
    s.late
FROM scheduled AS s
LEFT JOIN hourly_weather AS w ON w.origin = s.origin AND w.time_hour = s.weather_hour
LEFT JOIN planes AS p ON p.tailnum = s.tail_number  -- some planes are not on the register
LEFT JOIN origin_rates AS o ON o.origin = s.origin AND o.known_on = s.flight_day
LEFT JOIN carrier_rates AS c ON c.carrier = s.carrier AND c.known_on = s.flight_day
LEFT JOIN dest_rates AS d ON d.dest = s.dest AND d.known_on = s.flight_day
LEFT JOIN route_rates AS r
    ON r.origin = s.origin AND r.dest = s.dest AND r.known_on = s.flight_day
ORDER BY s.scheduled_at, s.carrier, s.origin, s.dest, s.tail_number
